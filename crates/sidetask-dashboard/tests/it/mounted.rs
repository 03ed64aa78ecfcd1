//! The dashboard in another application, wherever that puts it.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Uri};

use crate::kit::{self, Answer, Kit, ask};

#[tokio::test]
async fn every_link_leads_to_a_page_wherever_it_is_mounted() {
    let kit = filled().await;
    for (base, app) in [
        ("/", kit.app.clone()),
        ("/admin/tasks/", Router::new().nest("/admin/tasks", kit.app.clone())),
        ("/t/", Router::new().nest_service("/t", kit.app.clone())),
        ("/outer/inner/", Router::new().nest("/outer", Router::new().nest("/inner", kit.app.clone()))),
    ] {
        let (mut to_see, mut seen) = (vec![format!("{base}overview")], Vec::new());
        while let Some(path) = to_see.pop() {
            let page = fetch(&app, &path).await;
            assert!(matches!(page.status, StatusCode::OK), "{path}: {}", page.status);
            assert!(path.starts_with(base), "{path} is outside of {base}");
            for (attribute, is_followed) in
                [("href=\"", true), ("src=\"", true), ("action=\"", false), ("data-events=\"", false)]
            {
                for link in page.text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                    let target = resolve(&path, &link.replace("&amp;", "&"));
                    assert!(target.starts_with(base), "{path}: {link} leads out of {base} to {target}");
                    if is_followed && !seen.contains(&target) {
                        seen.push(target.clone());
                        to_see.push(target);
                    }
                }
            }
        }
        assert!(seen.len() > 20, "{seen:?}");
        assert!(seen.iter().any(|path| path.contains("/jobs/")), "{seen:?}");
    }
}

#[tokio::test]
async fn the_first_page_is_found_without_its_slash_and_others_with_one() {
    let kit = filled().await;
    for app in [
        Router::new().nest("/admin/tasks", kit.app.clone()),
        Router::new().nest_service("/admin/tasks", kit.app.clone()),
    ] {
        for (path, leads_to) in [
            ("/admin/tasks", "/admin/tasks/overview"),
            ("/admin/tasks?did=retry", "/admin/tasks/overview?did=retry"),
            ("/admin/tasks/jobs/", "/admin/tasks/jobs"),
            ("/admin/tasks/jobs//", "/admin/tasks/jobs"),
            ("/admin/tasks/jobs/?state=running", "/admin/tasks/jobs?state=running"),
        ] {
            let answer = fetch(&app, path).await;
            assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{path}");
            assert_eq!(resolve(path, answer.header("location")), leads_to);
        }
    }
}

#[tokio::test]
async fn a_change_leads_back_into_the_dashboard() {
    let kit = filled().await;
    let app = Router::new().nest("/admin/tasks", kit.app.clone());
    let path = "/admin/tasks/queues/pause";
    let answer = ask(&app, kit::post(path, &[("queue", "default")])).await;
    assert_eq!(resolve(path, answer.led_to()), "/admin/tasks/queues?did=pause");
    kit.client.resume("default").await.unwrap();
    let id = kit.discarded("mail", "{}", "boom").await;
    let path = format!("/admin/tasks/jobs/{id}/retry");
    let answer = ask(&app, kit::post(&path, &[])).await;
    assert_eq!(resolve(&path, answer.led_to()), format!("/admin/tasks/jobs/{id}?did=retry"));
}

#[tokio::test]
async fn a_first_page_that_has_its_slash_is_answered_there() {
    let kit = filled().await;
    let service = Router::new().nest_service("/t", kit.app.clone());
    for (app, path) in [(&kit.app, "/"), (&service, "/t/")] {
        assert!(fetch(app, path).await.page().contains("href=\"./jobs\""), "{path}");
    }
}

async fn filled() -> Kit {
    let kit = kit::memory().await;
    for n in 0..60 {
        kit.enqueue("mail.welcome", &n.to_string()).await;
    }
    kit.discarded("report", "{}", "boom").await;
    kit
}

async fn fetch(app: &Router, path: &str) -> Answer {
    ask(app, Request::get(path).body(Body::empty()).unwrap()).await
}

/// What a browser makes of a link on a page.
fn resolve(page: &str, link: &str) -> String {
    let page: Uri = page.parse().unwrap();
    let (path, query) = link.split_once('?').map_or((link, None), |(path, query)| (path, Some(query)));
    if path.starts_with('#') {
        return page.to_string();
    }
    assert!(path.starts_with('.'), "{link} is not relative");
    let mut steps: Vec<&str> = page.path().split('/').collect();
    steps.pop();
    for step in path.split('/') {
        match step {
            "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    let path = if path.ends_with("..") || path == "." { format!("{}/", steps.join("/")) } else { steps.join("/") };
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}
