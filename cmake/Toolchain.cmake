# Language level, warnings as errors in our code, sanitizers, a fast linker, ccache.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # the broker plugin is a shared object made of the same libraries
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(FS_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
if(FS_SANITIZE)
  add_compile_options(-fsanitize=${FS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # instrumented, a moved-from optional looks so to g++ 12
  endif()
  add_link_options(-fsanitize=${FS_SANITIZE})
  if(FS_SANITIZE MATCHES thread)
    add_compile_options(-Wno-tsan)  # Asio's fences, which g++ 12 cannot instrument
  endif()
endif()

option(FS_FUZZ "Build the libFuzzer targets (clang only), with the sanitizers above" OFF)
if(FS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# What every target of ours is compiled with; generated code is left out.
add_library(fs_strict INTERFACE)
target_compile_options(fs_strict INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
