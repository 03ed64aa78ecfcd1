//! Each option that cannot be used says what would do.
#![allow(unused)]

use sidetask::{task, task_sns};

#[task(retries = 5)]
async fn unknown() {}

#[task(queue = "mail", queue = "post")]
async fn twice() {}

#[task(name = "")]
async fn empty_name() {}

#[task(aliases = [""])]
async fn empty_alias() {}

#[task(max_attempts = 0)]
async fn no_attempts() {}

#[task(timeout = "30")]
async fn no_unit() {}

#[task(timeout = 30)]
async fn no_quotes() {}

#[task(timeout = "0s")]
async fn no_time() {}

#[task(pool = "crm")]
async fn no_threads() {}

#[task(pool = "")]
fn empty_pool() {}

#[task(priority = 40000)]
async fn too_large() {}

#[task(rate_limit = "10/s")]
async fn no_expression() {}

#[task(to = "thumbnails")]
async fn no_url() {}

#[task(to = "lambda:thumbnails", remote_aws_region = "eu-west-1", capture_response = true)]
async fn two_destinations() {}

#[task(service = "mail")]
async fn unknown_service() {}

#[task_sns(service = "lambda")]
async fn another_service() {}

#[task_sns(to = "sns:topic")]
async fn another_destination() {}

#[task(capture_response = "yes")]
async fn neither_true_nor_false() {}

#[task(queue)]
async fn no_value() {}

#[task("mail")]
async fn no_option() {}

#[task(queue = "", timeout = "soon", max_attempts = -1)]
async fn all_at_once() {}

fn main() {}
