//! Zappa itself on one side and this project on the other, both ways.

mod bytes;
mod kitchen;
mod to_python;

use kitchen::Kitchen;
