//! Text that others wrote, and that is not what it seems.

use sidetask::core::lifecycle::Outcome;
use sidetask::{Call, Json};

use crate::kit::{Kit, encoded, over_stores};

over_stores! {
    what_others_wrote_is_text_on_every_page,
    large_arguments_are_cut_in_lists_and_folded_on_their_page,
    what_is_asked_for_is_text_as_well,
}

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}gnp.exe";

async fn what_others_wrote_is_text_on_every_page(kit: Kit) {
    let args = Json::encode(&[SCRIPT, "nul \0 in it"]).unwrap();
    let call = Call::from_json(SCRIPT, args.clone()).key(SCRIPT).limit(SCRIPT, 1);
    let id = kit.stored(call).await;
    let token = kit.claim(SCRIPT).await;
    kit.finish(token, Outcome::Permanent(format!("{SCRIPT}\0")), Some(SCRIPT)).await;
    let waits = kit.stored(Call::from_json(SCRIPT, args).queue(SCRIPT)).await;
    let done = kit.stored(Call::new("done", ())).await;
    let token = kit.claim("done").await;
    kit.finish(token, Outcome::Completed(Json::encode(SCRIPT).unwrap()), None).await;
    let bulk = format!("/bulk?do=retry&filter={}", encoded("kind:<script>*"));
    for path in ["/", "/jobs", "/dead", "/queues", "/workers", &bulk]
        .map(str::to_owned)
        .into_iter()
        .chain([id, waits, done].map(|id| format!("/jobs/{id}")))
    {
        // What a form sends on is the name as it is, and shown to nobody.
        let page = without_hidden_inputs(&kit.get(&path).await.page());
        for harmful in ["<script>", "<img", "\u{202e}", "\0", "\"'>"] {
            assert!(!page.contains(harmful), "{path} has {harmful:?} in {page}");
        }
        let tags = page.split("<script").skip(1);
        assert!(tags.clone().count() == 2 && tags.clone().all(|tag| tag.starts_with(" src=")), "{path}");
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"), "{path}");
    }
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(
        page.contains("&lt;script&gt;alert(1)") && page.contains("⟨U+202E⟩gnp.exe") && page.contains('\u{2400}'),
        "{page}"
    );
}

fn without_hidden_inputs(page: &str) -> String {
    let mut pieces = page.split("<input type=\"hidden\"");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |page, piece| page + piece.split_once('>').unwrap().1)
}

async fn large_arguments_are_cut_in_lists_and_folded_on_their_page(kit: Kit) {
    let text = "x".repeat(1024 * 1024 - 2);
    let id = kit.enqueue("report", &format!("\"{text}\"")).await;
    let list = kit.get("/jobs").await.page();
    assert!(list.len() < 20_000, "{}", list.len());
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(page.contains("<details id=\"arguments-json\"><summary>1.0 MiB of JSON</summary>"));
    assert!(page.contains(&text), "nothing is lost");
}

async fn what_is_asked_for_is_text_as_well(kit: Kit) {
    let asked = encoded(SCRIPT);
    for path in [
        format!("/jobs?filter={asked}"),
        format!("/jobs?state={asked}"),
        format!("/jobs?after={asked}"),
        format!("/jobs?did={asked}"),
        format!("/bulk?do={asked}"),
        format!("/bulk?do=retry&from={asked}&filter={asked}&state={asked}"),
        format!("/jobs/{asked}"),
        format!("/{asked}"),
        format!("/?{asked}"),
    ] {
        let page = kit.get(&path).await.text;
        for harmful in ["<script>", "<img", "\"'>"] {
            assert!(!page.contains(harmful), "{path} has {harmful:?} in {page}");
        }
    }
}
