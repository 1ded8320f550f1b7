//! From sessions to days.
