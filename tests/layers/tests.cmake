fs_test(layers)
