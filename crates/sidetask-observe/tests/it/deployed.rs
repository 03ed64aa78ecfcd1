//! The dashboard for Grafana and the alert rules for Prometheus, in `deploy`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use sidetask::Call;
use sidetask_observe::Probes;

use crate::kit::{ONE_AT_A_TIME, ask, until};

/// Labels that Prometheus adds to what it scrapes.
const SCRAPED: [&str; 4] = ["instance", "job", "pod", "le"];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)).unwrap()
}

/// What a process really tells: the names of series, and of their labels.
async fn emitted() -> (BTreeSet<String>, BTreeSet<String>) {
    let _alone = ONE_AT_A_TIME.lock().await;
    sidetask_observe::install().unwrap();
    let client = sidetask::connect("memory:").await.unwrap();
    let worker = client.worker().register("deployed", |()| async {}).start().await.unwrap();
    client.enqueue(Call::new("deployed", ())).await.unwrap().wait().await.unwrap();
    let router = Probes::new(client).worker(worker).router();
    let mut text = String::new();
    until("it is counted", async || {
        text = ask(&router, "/metrics").await.1;
        text.contains("sidetask_jobs_finished_total{")
    })
    .await;
    let series: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| line.starts_with("sidetask_"))
        .map(|line| line.split_once(['{', ' ']).unwrap())
        .collect();
    let labels = series.values().flat_map(|rest| rest.split(['{', ',']).filter_map(|label| label.split_once("=\"")));
    let labels = labels.map(|(name, _)| name.to_owned()).chain(SCRAPED.map(str::to_owned)).collect();
    (series.into_keys().map(str::to_owned).collect(), labels)
}

/// What an expression asks for.
#[derive(Default)]
struct Asked {
    metrics: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl Asked {
    /// Reads an expression, as Prometheus would.
    fn by(&mut self, expr: &str) {
        let parsed = parser::parse(expr).unwrap_or_else(|error| panic!("{error} in {expr}"));
        walk_expr(self, &parsed).unwrap();
    }

    fn of(&mut self, selector: &VectorSelector) {
        self.metrics.extend(selector.name.clone());
        self.labels.extend(selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()));
    }

    fn modified(&mut self, modifier: Option<&LabelModifier>) {
        if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
            self.labels.extend(labels.labels.iter().cloned());
        }
    }

    /// Fails where something is asked for that no process tells.
    fn check(&self, (metrics, labels): &(BTreeSet<String>, BTreeSet<String>)) {
        assert!(self.metrics.is_subset(metrics), "{:?}", self.metrics.difference(metrics));
        assert!(self.labels.is_subset(labels), "{:?}", self.labels.difference(labels));
    }
}

impl ExprVisitor for Asked {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        match expr {
            Expr::VectorSelector(selector) => self.of(selector),
            Expr::MatrixSelector(matrix) => self.of(&matrix.vs),
            Expr::Aggregate(aggregate) => self.modified(aggregate.modifier.as_ref()),
            Expr::Binary(binary) => {
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                self.modified(matching);
            }
            _ => {}
        }
        Ok(true)
    }
}

#[tokio::test]
async fn every_alert_can_be_read_and_asks_for_what_is_told() {
    let rules: Value = serde_saphyr::from_str(&read("prometheus/sidetask.rules.yml")).unwrap();
    let mut asked = Asked::default();
    let mut names = BTreeSet::new();
    for group in rules["groups"].as_array().unwrap() {
        assert!(group["name"].is_string());
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            asked.by(rule["expr"].as_str().unwrap());
            assert!(["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
            for text in ["summary", "description"] {
                let text = rule["annotations"][text].as_str().unwrap();
                assert_eq!(text.matches("{{").count(), text.matches("}}").count(), "{name}: {text}");
            }
            let wait = rule.get("for").map(|wait| wait.as_str().unwrap());
            let is_time = |wait: &str| wait.strip_suffix(['s', 'm', 'h']).is_some_and(|n| n.parse::<u32>().is_ok());
            assert!(wait.is_none_or(is_time), "{name}: {wait:?}");
            let known = ["alert", "annotations", "expr", "for", "labels"];
            assert!(rule.as_object().unwrap().keys().all(|key| known.contains(&&**key)), "{name}: {rule}");
        }
    }
    assert!(names.len() >= 6, "{names:?}");
    asked.check(&emitted().await);
}

#[tokio::test]
async fn every_panel_can_be_read_and_together_they_show_all_that_is_told() {
    let dashboard: Value = serde_json::from_str(&read("grafana/sidetask.json")).unwrap();
    assert!(
        ["uid", "title"].iter().all(|field| dashboard[field].is_string()) && dashboard["schemaVersion"].is_number()
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: Vec<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    let (mut asked, mut ids, mut taken) = (Asked::default(), BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is there twice");
        assert!(["stat", "timeseries"].contains(&panel["type"].as_str().unwrap()), "{title}");
        assert!(panel["description"].is_string() && panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        let at = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(at[0] + at[2] <= 24, "{title} is too wide");
        for cell in (at[0]..at[0] + at[2]).flat_map(|x| (at[1]..at[1] + at[3]).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies over another panel");
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expr = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            let filled = variables.iter().fold(expr, |expr, name| expr.replace(&format!("${name}"), ".*"));
            assert!(!filled.contains('$'), "{title}: {filled}");
            asked.by(&filled);
        }
    }
    let told = emitted().await;
    asked.check(&told);
    let whole = |name: &String| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = asked.metrics.iter().map(whole).collect();
    assert_eq!(shown, told.0.iter().map(whole).collect(), "each metric has its place");
}
