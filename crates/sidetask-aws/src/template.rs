/// A template for AWS SAM of everything that is needed at AWS: the function with its alias `live`, a topic and a queue in
/// front of it, dead-letter queues, the table of responses, the bucket for large arguments and outputs, and the least
/// that the function and those who send jobs must be allowed.
///
/// Write it to a file, set `CodeUri` to the folder that holds your `bootstrap`, and deploy it:
///
/// ```text
/// cargo lambda build --release --arm64
/// sam deploy --template-file sidetask.yaml --stack-name sidetask --resolve-s3 --capabilities CAPABILITY_IAM
/// ```
///
/// The outputs of the stack are URLs for [`sidetask::connect`], and the ARN of the policy for those who connect. Its
/// parameters have defaults; what depends on another (the queue's visibility timeout on the function's timeout, the
/// attempts that the handler counts on those that AWS makes) is set from one parameter. Deleting the stack leaves the
/// table, the bucket, the queues and the logs.
///
/// ```
/// # let directory = std::env::temp_dir();
/// # let file = directory.join(format!("sidetask-{}.yaml", std::process::id()));
/// std::fs::write(&file, sidetask_aws::TEMPLATE)?;
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub const TEMPLATE: &str = include_str!("../template/sidetask.yaml");
