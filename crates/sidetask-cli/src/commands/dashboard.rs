//! Serving the dashboard.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;

use sidetask_dashboard::Dashboard;

use super::serve::bind;
use super::stop::Stop;
use crate::app::Looks;
use crate::args;
use crate::exit::{Failure, say};
use crate::session::{Opening, Session};

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8640);

pub(super) async fn run(session: &Session, looks: Looks, args: args::Dashboard) -> Result<(), Failure> {
    let address = args.listen.unwrap_or(ADDRESS);
    if args.open && !address.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "--open would let everybody in who reaches {address}: give --password-file, or listen on 127.0.0.1"
        )));
    }
    let password = args.password_file.as_deref().map(password).transpose()?;
    let client = session.open(Opening::Existing).await?;
    let mut stop = Stop::listen()?;
    let dashboard = looks.apply(Dashboard::new(client.clone()));
    let dashboard = if args.read_only { dashboard.read_only(true) } else { dashboard };
    let dashboard = match password {
        Some(password) => dashboard.password(password),
        None if args.open => dashboard.open(),
        None => closed(dashboard)?,
    };
    let serving = bind(address).await?.serve(dashboard.router());
    let url = format!("http://{}/", serving.address);
    session.out.value(&url, |_| format!("{url}\n"))?;
    stop.asked().await;
    drop(serving);
    Ok(client.close().await?)
}

/// Has it ask for a password made just now, and says which: whatever is logged, nobody could come in otherwise.
pub(super) fn closed(dashboard: Dashboard) -> Result<Dashboard, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::failed("no password could be made").because(error))?;
    let password = format!("{:032x}", u128::from_be_bytes(random));
    say(&format!("Until it ends the dashboard lets in the user sidetask with the password {password}"));
    Ok(dashboard.password(password))
}

/// The first line of a file. Many editors end it with one.
fn password(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let cannot = |error| Failure::usage(format!("the password file {shown} cannot be read")).because(error);
    let mut line = String::new();
    let file = File::open(path).map_err(cannot)?;
    BufReader::new(file.take(4096)).read_line(&mut line).map_err(cannot)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage(format!("the password file {shown} begins with an empty line")));
    }
    Ok(password.to_owned())
}
