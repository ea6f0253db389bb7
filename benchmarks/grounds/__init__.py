"""What benchmarks of the environment repository stand on: large repositories, a server with a delay, a clock."""
