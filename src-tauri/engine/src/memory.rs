//! Keeps this process's memory to itself: no core dumps, and no tracing by other processes of the same user.
//!
//! Both programs call [`keep_to_ourselves`] first of all. Servers do not inherit it, except for the soft limit of core
//! dumps, which they may raise again.
//!
//! Absent: locking memory against swap; Windows, where error reporting decides about dumps and a debugger of the same
//! user is always let in; macOS's refusal of debuggers, which only unsafe code can ask for (a signed app with the hardened
//! runtime has it from the system).

use std::io;

/// Forbids core dumps and, on Linux, that other processes of this user trace this one or read its memory.
///
/// # Errors
/// The system refuses.
pub fn keep_to_ourselves() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
        setrlimit(Resource::Core, limit)?;
    }
    // A dump that goes to a program instead of a file does not ask the limit; this stops it too.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
