//! Zappa itself on one side and this project on the other, both ways.

mod bytes;
mod from_python;
mod guide;
mod kitchen;
mod table;
mod to_python;

use kitchen::Kitchen;
