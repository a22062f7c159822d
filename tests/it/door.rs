//! The receiver's answers to whoever knocks.

use standin::fixtures;
use standin::github::{Delivery, client};
use standin::model::Script;
use standin::service::SECRET;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_delivery_gets_its_own_answer() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let url = format!("{}/webhooks/github", world.service().url());
    let delivery = |guid: &str, event: &str, body: &str| Delivery {
        guid: guid.into(),
        event: event.into(),
        body: body.into(),
    };
    let ping = delivery("guid-1", "ping", "{\"zen\":\"x\"}");
    assert_eq!(ping.send(&url, SECRET).await.unwrap().0, 202);
    assert_eq!(ping.send(&url, "wrong").await.unwrap().0, 401);
    let (status, answer) =
        delivery("guid-2", "star", "{\"action\":\"created\"}").send(&url, SECRET).await.unwrap();
    assert_eq!((status, answer.contains("ignored")), (202, true));
    assert_eq!(delivery("guid-3", "issues", "not json").send(&url, SECRET).await.unwrap().0, 202);
    assert_eq!(delivery("../bad id", "ping", "{}").send(&url, SECRET).await.unwrap().0, 400);
    assert_eq!(delivery("guid-4", "Bad Event", "{}").send(&url, SECRET).await.unwrap().0, 400);

    let post = || client().unwrap().post(&url).header("x-hub-signature-256", ping.signature(SECRET));
    let status = |response: reqwest::Response| response.status().as_u16();
    assert_eq!(status(post().header("content-type", "text/plain").body("{}").send().await.unwrap()), 415);
    let unsigned = client().unwrap().post(&url).header("content-type", "application/json").body("{}");
    assert_eq!(status(unsigned.send().await.unwrap()), 401);
    let large = vec![b' '; 25 * 1024 * 1024 + 1];
    let large = post().header("content-type", "application/json").body(large).send().await;
    // Refused on its announced length: the answer comes before the body.
    assert!(large.map_or(true, |response| status(response) == 413));

    let healthy = client().unwrap().get(format!("{}/healthz", world.service().url())).send().await.unwrap();
    assert_eq!(healthy.text().await.unwrap(), "ok");
    let missing =
        client().unwrap().get(format!("{}/sessions/nonsense", world.service().url())).send().await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);
    world.finish().await;
}
