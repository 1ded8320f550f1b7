//! A program that is nothing but a parser child: for tests, benchmarks and programs that embed the
//! adapters without the service.

fn main() {
    std::process::exit(oxherd_adapters::parser::child::main());
}
