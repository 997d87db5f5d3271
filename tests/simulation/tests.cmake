# The simulator: one harness, compiled once, run against ledger/order as it is and against ledger/order with planted bugs.
file(GLOB harness_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/simulation/harness/*.cpp)
add_library(fs_simulation STATIC ${harness_sources})
target_link_libraries(fs_simulation PRIVATE fs_strict PUBLIC fs_test_ordering fs_ledger_validate fs_ledger_state)

add_executable(simulate ${CMAKE_CURRENT_SOURCE_DIR}/simulation/simulate_main.cpp)
target_link_libraries(simulate PRIVATE fs_strict fs_simulation fs_ledger_order)
target_compile_definitions(simulate PRIVATE FS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
set_target_properties(simulate PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
# 2,000 seeds in pieces that run side by side.
foreach(first RANGE 1 1751 250)
  math(EXPR last "${first} + 249")
  add_test(NAME "simulation: seeds ${first} to ${last}" COMMAND simulate --seeds 250 --first ${first})
  set_tests_properties("simulation: seeds ${first} to ${last}" PROPERTIES TIMEOUT 300)
endforeach()
# A seed that fails here must fail the same way on the machine of who looks into it.
add_test(NAME "simulation: one seed is one run in every process"
  COMMAND sh -c "test \"$($<TARGET_FILE:simulate> --seeds 30)\" = \"$($<TARGET_FILE:simulate> --seeds 30)\"")

add_executable(test_simulation ${CMAKE_CURRENT_SOURCE_DIR}/simulation/simulation_test.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/simulation/exhaustive_test.cpp)
target_link_libraries(test_simulation PRIVATE fs_strict fs_catch_main fs_simulation fs_ledger_order)
set_target_properties(test_simulation PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
catch_discover_tests(test_simulation TEST_PREFIX "simulation: " PROPERTIES TIMEOUT 300)

# ledger/order once more, with bugs that tests switch on (ledger/order/planted.hpp). Nothing else links it.
file(GLOB planted_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ledger/order/*.cpp)
add_library(fs_ledger_order_planted STATIC ${planted_sources})
target_compile_definitions(fs_ledger_order_planted PRIVATE FS_PLANTED_BUGS)
target_link_libraries(fs_ledger_order_planted PRIVATE fs_strict PUBLIC fs_ledger_contract)
add_executable(test_planted ${CMAKE_CURRENT_SOURCE_DIR}/simulation/planted_test.cpp)
target_compile_definitions(test_planted PRIVATE FS_PLANTED_BUGS)
target_link_libraries(test_planted PRIVATE fs_strict fs_catch_main fs_simulation fs_ledger_order_planted)
set_target_properties(test_planted PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
catch_discover_tests(test_planted TEST_PREFIX "planted: " PROPERTIES TIMEOUT 600)

# What is released knows nothing of them.
add_test(NAME "planted: no trace in what is released" COMMAND sh -c "! nm -C $<TARGET_FILE:fs_ledger_order> | grep -q planted")
