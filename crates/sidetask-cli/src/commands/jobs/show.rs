use serde::Serialize;
use sidetask::{AttemptError, AttemptLog, Client, Error, JobId, JobRecord, Json, Timestamp};

use super::attempts;
use crate::exit::Failure;
use crate::output::{Cell, Out, Row, Tone, ago, clean, duration, time};
use crate::session::{Opening, Session};

/// All that is kept of a job.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    job: JobRecord,
    logs: Vec<AttemptLog>,
    timeline: Vec<Moment>,
    #[serde(skip)]
    now: Timestamp,
}

/// Something that happened to it, or is going to.
#[derive(Serialize)]
struct Moment {
    at: Timestamp,
    event: String,
    #[serde(skip)]
    now: Timestamp,
}

pub(super) async fn run(session: &Session, id: JobId) -> Result<(), Failure> {
    let client = session.open(Opening::Existing).await?;
    let job = client.job(id).await?.ok_or_else(|| Error::no_such_job(id))?;
    let logs = logs(&client, id).await?;
    let now = client.clock().now();
    let shown = Shown { timeline: timeline(&job, now), job, logs, now };
    session.out.value(&shown, |out| shown.text(out))?;
    Ok(client.close().await?)
}

/// What its attempts logged; nothing where the store keeps nothing of it.
async fn logs(client: &Client, id: JobId) -> Result<Vec<AttemptLog>, Failure> {
    match client.logs(id).await {
        Err(error) if error.is_unsupported() => Ok(Vec::new()),
        logs => Ok(logs?),
    }
}

fn timeline(job: &JobRecord, now: Timestamp) -> Vec<Moment> {
    let mut moments = vec![(job.created_at, "stored".to_owned())];
    moments.push((job.run_at, if job.held { "due, held in its lane".to_owned() } else { "due".to_owned() }));
    moments.extend(job.errors.iter().map(|error| (error.at, format!("attempt {} failed", error.attempt))));
    moments.extend(job.attempted_at.map(|at| (at, format!("attempt {} began", job.attempt))));
    moments.extend(job.finished_at.map(|at| (at, job.state.to_string())));
    moments.sort_by_key(|(at, _)| *at);
    moments.into_iter().map(|(at, event)| Moment { at, event, now }).collect()
}

impl Shown {
    fn text(&self, out: &Out) -> String {
        let fields = self.fields();
        let cut = fields.iter().filter_map(|(name, value)| Some((name, value.whole()?)));
        let whole: String = cut.map(|(name, value)| format!("\nFull {name}\n{}", indented(value))).collect();
        let mut text = out.fields(fields);
        text += "\nTimeline\n";
        text += &indented(&out.columns(&self.timeline));
        text += &whole;
        for AttemptError { attempt, at, message, .. } in &self.job.errors {
            text += &format!("\nError of attempt {attempt}, {}\n{}", time(*at), lines(message));
        }
        for AttemptLog { attempt, text: log } in &self.logs {
            text += &format!("\nLog of attempt {attempt}\n{}", lines(log));
        }
        text
    }

    fn fields(&self) -> Vec<(&'static str, Cell)> {
        let Self { job, now, .. } = self;
        let at = |at: Option<Timestamp>| Cell::maybe(at.map(|at| format!("{} ({})", time(at), ago(at, *now))));
        let yes_or_no = |yes: bool| if yes { Cell::new("yes").tone(Tone::Warning) } else { Cell::new("no") };
        let progress = job.progress.as_ref().map(|progress| {
            let message = progress.message.as_deref().unwrap_or_default();
            format!("{} of {} {message}", progress.done, progress.total)
        });
        let lane = job.lane.as_ref().map(|lane| format!("{}, {} at once", lane.name, lane.width));
        vec![
            ("id", Cell::new(job.id.to_string())),
            ("kind", Cell::new(&job.kind)),
            ("queue", Cell::new(&job.queue)),
            ("state", Cell::state(job.state)),
            ("attempt", attempts(job)),
            ("fence", Cell::new(job.fence.to_string())),
            ("timeout", Cell::maybe(job.timeout.map(duration))),
            ("priority", Cell::new(job.priority.to_string())),
            ("arguments", Cell::new(job.args.as_str())),
            ("output", Cell::maybe(job.output.as_ref().map(Json::as_str))),
            ("progress", Cell::maybe(progress)),
            ("key", Cell::maybe(job.key.as_ref())),
            ("lane", Cell::maybe(lane)),
            ("held", yes_or_no(job.held)),
            ("cancel requested", yes_or_no(job.cancel_requested)),
            ("worker", Cell::maybe(job.worker.map(|worker| worker.to_string()))),
            ("trace", Cell::maybe(job.trace.map(|trace| trace.to_string()))),
            ("stored", at(Some(job.created_at))),
            ("due", at(Some(job.run_at))),
            ("attempted", at(job.attempted_at)),
            ("ended", at(job.finished_at)),
        ]
    }
}

impl Row for Moment {
    const COLUMNS: &'static [&'static str] = &["TIME", "", "EVENT"];

    fn cells(&self) -> Vec<Cell> {
        let from_now = Cell::new(ago(self.at, self.now)).tone(Tone::Quiet);
        vec![Cell::new(time(self.at)), from_now, Cell::new(&self.event)]
    }
}

/// Text of several lines, each by itself harmless.
fn lines(text: &str) -> String {
    indented(&text.lines().map(|line| clean(line) + "\n").collect::<String>())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
