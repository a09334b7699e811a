//! SIGKILL at any moment of an install.
