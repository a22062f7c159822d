//! The App's key, its JWTs, and installation tokens.

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::APP_ID;

/// An RSA key that this run made.
pub struct Key {
    pem: String,
    public: DecodingKey,
}

#[derive(Deserialize)]
struct Claims {
    iss: serde_json::Value,
    iat: i64,
    exp: i64,
}

impl Key {
    /// # Errors
    /// The library cannot make one.
    pub fn generate() -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).context("could not make an RSA key")?;
        let private: Pkcs8V1Der<'_> = pair.as_der().context("could not write the key down")?;
        let encoded = STANDARD.encode(private.as_ref());
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        Ok(Self { pem, public: DecodingKey::from_rsa_der(pair.public_key().as_ref()) })
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// GitHub's rules: RS256, our App, at most ten minutes.
    pub(super) fn accepts(&self, jwt: &str) -> bool {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_aud = false;
        let Ok(token) = jsonwebtoken::decode::<Claims>(jwt, &self.public, &validation) else { return false };
        let app = APP_ID.to_string();
        let Claims { iss, iat, exp } = token.claims;
        (iss == app.as_str() || iss == APP_ID) && exp - iat <= 660
    }
}
