//! A stranger's text. Nothing in it is live in any of the sanitiser's forms.
#![cfg_attr(fuzzing, no_main)]

use chaperone::text::markdown::{block, code, inline, quote, scan};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for cap in [9, 4000] {
        for made in [inline(&text, cap), code(&text, cap), quote(&text, cap), block(&text, cap)] {
            assert_eq!(scan::live(&made), None, "{made:?}");
        }
    }
}

fuzz::target!(run);
