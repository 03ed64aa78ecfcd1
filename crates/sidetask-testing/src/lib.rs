//! For testing sidetask stores and the programs that use them: the conformance suite, a clock moved by hand.
