const one = 1;
missing(two);
missing();
