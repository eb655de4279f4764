"""The tests' laboratory: real git hubs, Helm repositories, registries and command lines, all on this machine."""
