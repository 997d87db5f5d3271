# Its tests start PostgreSQL, and a network.
fs_link(test_marketplace_dapp PRIVATE network)
