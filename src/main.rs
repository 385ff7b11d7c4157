//! The `cloudbuilder` program; everything is in the library.

fn main() -> std::process::ExitCode {
    cloudbuilder::cli::run()
}
