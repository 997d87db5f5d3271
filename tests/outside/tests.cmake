add_executable(fs_outside_fixtures ${CMAKE_CURRENT_LIST_DIR}/make_fixtures.cpp)
target_link_libraries(fs_outside_fixtures PRIVATE fs_strict)
fs_link(fs_outside_fixtures PRIVATE identity/crypto identity/jose identity/did identity/credential Boost::json)
set_target_properties(fs_outside_fixtures PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

add_test(NAME "outside: verifiers that share no code with us"
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/run $<TARGET_FILE:fs_outside_fixtures>)
set_tests_properties("outside: verifiers that share no code with us" PROPERTIES
  TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS outside)

add_test(NAME "outside: a third party buys as docs/third-party.md says"
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/run_page ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties("outside: a third party buys as docs/third-party.md says" PROPERTIES
  TIMEOUT 600 SKIP_RETURN_CODE 77 LABELS outside)
