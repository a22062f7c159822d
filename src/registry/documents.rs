//! The registries as the bump room reads them: the same cache, the same
//! filters and the same shapes of path as behind a door.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::bytes::Bytes;

use super::route::Route;
use super::{Ages, Refusal, Registry};
use crate::change::Ecosystem;
use crate::failure::Failure;
use crate::packages::{Document, Packages};

impl Packages for Registry {
    fn fetch<'a>(
        &'a self,
        document: &'a Document,
        fixing: bool,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Failure>> {
        let ages = if fixing { Ages::All } else { Ages::Settled };
        async move {
            let (route, short, what) = match document {
                Document::NpmListing { name, times } => {
                    (Route::listing(name), !times, format!("the listing of {name}"))
                }
                Document::MavenFile { path } => (Route::maven(path), false, path.clone()),
            };
            let Some(route) = route else { return Ok(None) };
            match self.0.get(&route, short, ages).await {
                Ok(fetched) => Ok(Some(fetched.body)),
                Err(Refusal::NotFound) => Ok(None),
                Err(refusal) => Err(refusal.failure(&what)),
            }
        }
        .boxed()
    }

    fn address(&self, ecosystem: Ecosystem) -> Option<String> {
        let upstream = self.0.remote(ecosystem).get().ok()?;
        Some(upstream.root().to_owned())
    }
}
