# SPDX-License-Identifier: MIT
mn_test(test_mnchar SOURCES unit/test_mnchar.c LIBS mn_cost PkgConfig::CMOCKA m)

# The library's own sources once more, under ThreadSanitizer, which goes with no other sanitizer. Without it (a compiler or
# a kernel that lacks it) the threads still have to agree.
find_package(Threads REQUIRED)
include(CheckCSourceRuns)
set(CMAKE_REQUIRED_FLAGS -fsanitize=thread)
check_c_source_runs("int main(void) { return 0; }" MNCHAR_HAVE_TSAN)
unset(CMAKE_REQUIRED_FLAGS)
get_target_property(sources libmnchar SOURCES)
list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/host/cost/ REGEX "^[^/]")
add_executable(test_mnchar_threads unit/test_mnchar_threads.c ${sources})
target_include_directories(test_mnchar_threads PRIVATE ${CMAKE_SOURCE_DIR}/host/cost ${CMAKE_SOURCE_DIR}/probes)
target_compile_definitions(test_mnchar_threads PRIVATE _GNU_SOURCE MNCHAR_VERSION="${PROJECT_VERSION}")
target_compile_options(test_mnchar_threads PRIVATE -Wall -Wextra -g)
target_link_libraries(test_mnchar_threads PRIVATE PkgConfig::JANSSON Threads::Threads m)
if(MNCHAR_HAVE_TSAN)
	target_compile_options(test_mnchar_threads PRIVATE -fsanitize=thread)
	target_link_options(test_mnchar_threads PRIVATE -fsanitize=thread)
endif()
set_target_properties(test_mnchar_threads PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME test_mnchar_threads COMMAND test_mnchar_threads WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
set_tests_properties(test_mnchar_threads PROPERTIES TIMEOUT 120 ENVIRONMENT "MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
