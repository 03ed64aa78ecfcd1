use sidetask_core::Event;
use tokio_postgres::types::Type;

use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::statement::Statement;

static PAUSE: Statement = Statement {
    text: "INSERT INTO {s}.queues (name, paused) VALUES ($1, $2)
           ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
    types: &[Type::TEXT, Type::BOOL],
};

pub(crate) async fn pause(work: &Work<'_>, (queue, paused): &(String, bool)) -> Result<((), News), Fault> {
    work.query(&PAUSE, &[queue, paused]).await?;
    let mut news = News::default();
    work.detail(&mut news, || Event::Paused { queue: queue.as_str().into(), paused: *paused });
    if !paused {
        news.available.insert(queue.as_str().into());
    }
    Ok(((), news))
}
