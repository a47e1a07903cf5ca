//! Tools for whole-system tests.

<<<<<<< HEAD
pub mod sim;
=======
pub mod lab;
>>>>>>> systests
