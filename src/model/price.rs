//! What tokens cost.

use std::collections::BTreeMap;

use crate::change::Cost;
use crate::record::Usage;

/// Millionths of a US dollar per thousand tokens: US dollars per million
/// tokens, times a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

impl Price {
    /// From US dollars per million tokens; negative ones count as zero.
    #[must_use]
    pub fn per_million(input: f64, output: f64, cache_read: f64, cache_write: f64) -> Self {
        Self {
            input: thousandths(input),
            output: thousandths(output),
            cache_read: thousandths(cache_read),
            cache_write: thousandths(cache_write),
        }
    }

    /// What a reply cost, rounded up.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> Cost {
        let thousandths = [
            (usage.input_tokens, self.input),
            (usage.output_tokens, self.output),
            (usage.cache_read_input_tokens, self.cache_read),
            (usage.cache_creation_input_tokens, self.cache_write),
        ]
        .into_iter()
        .fold(0_u64, |sum, (tokens, price)| sum.saturating_add(tokens.saturating_mul(price)));
        Cost(thousandths.div_ceil(1000))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
fn thousandths(dollars: f64) -> u64 {
    (dollars * 1000.0).round() as u64
}

/// The provider's list prices of July 2026: model, then US dollars per
/// million tokens in and out. A cache read costs a tenth of the input, a
/// five-minute cache write a quarter more. Other prices go into the
/// configuration.
const LIST: [(&str, f64, f64); 7] = [
    ("claude-haiku-4-5", 1.0, 5.0),
    ("claude-sonnet-4-5", 3.0, 15.0),
    ("claude-sonnet-4", 3.0, 15.0),
    ("claude-opus-4-5", 5.0, 25.0),
    ("claude-opus-4-1", 15.0, 75.0),
    ("claude-opus-4", 15.0, 75.0),
    ("claude-3-5-haiku", 0.8, 4.0),
];

/// Prices by model.
#[derive(Debug, Clone)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// The list, with the operator's prices over it.
    #[must_use]
    pub fn with(configured: impl IntoIterator<Item = (String, Price)>) -> Self {
        let list = LIST.iter().map(|(name, input, output)| {
            ((*name).to_owned(), Price::per_million(*input, *output, input / 10.0, input * 1.25))
        });
        Self(list.chain(configured).collect())
    }

    /// The price of a model, by its whole name or without its date.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        let undated =
            model.rsplit_once('-').filter(|(_, date)| date.len() == 8 && date.parse::<u32>().is_ok());
        self.0.get(model).or_else(|| self.0.get(undated?.0)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_costs_what_the_list_says() {
        let price = Prices::with([]).of("claude-sonnet-4-5-20250929").unwrap();
        let usage = Usage {
            input_tokens: 1_000_000,
            output_tokens: 100_000,
            cache_read_input_tokens: 1_000_000,
            cache_creation_input_tokens: 100_000,
        };
        assert_eq!(price.cost(usage), Cost(3_000_000 + 1_500_000 + 300_000 + 375_000));
        assert_eq!(price.cost(Usage { input_tokens: 1, ..Usage::default() }), Cost(3));
    }

    #[test]
    fn an_unknown_model_has_no_price_until_it_is_configured() {
        assert_eq!(Prices::with([]).of("other-1"), None);
        let price = Price::per_million(1.0, 2.0, 0.1, 1.25);
        assert_eq!(Prices::with([("other-1".to_owned(), price)]).of("other-1"), Some(price));
    }
}
