fs_test(benchmarks LINKS benchmarks)
add_dependencies(test_benchmarks fairstream-bench)
