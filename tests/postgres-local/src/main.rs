//! Serves until its standard input ends, after it has said where: `url URL`, and `directory PATH`.
#![expect(clippy::print_stdout, reason = "that is how it tells where it serves")]

use sidetask_postgres_local::Server;

fn main() -> anyhow::Result<()> {
    let server = Server::start()?;
    println!("url {}", server.url());
    println!("directory {}", server.directory().display());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    server.stop()
}
