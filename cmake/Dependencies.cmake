# Every library we use; docs/dependencies.md says why.
set(Boost_NO_BOOST_CMAKE OFF)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(Protobuf 3.21 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(tl-expected REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(CLI11 REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(RocksDB REQUIRED)
find_package(PahoMqttCpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

# Asio and Beast are compiled once, in base/net; everyone else only sees declarations.
add_library(fs_boost INTERFACE)
target_link_libraries(fs_boost INTERFACE Boost::boost Boost::json OpenSSL::SSL Threads::Threads)
target_compile_definitions(fs_boost INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                                              BOOST_ASIO_NO_DEPRECATED)

find_path(MOSQUITTO_INCLUDE mosquitto_plugin.h REQUIRED)
add_library(fs_mosquitto_headers INTERFACE)
target_include_directories(fs_mosquitto_headers SYSTEM INTERFACE ${MOSQUITTO_INCLUDE})
