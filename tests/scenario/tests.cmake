fs_test(scenario LINKS fs_test_ordering ledger/order)
