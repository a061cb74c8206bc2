# SPDX-License-Identifier: MIT

# mn_e2e(NAME [TIMEOUT s]): tests/e2e/NAME.sh as test e2e_NAME. Exit 77 means skipped, with the reason printed.
function(mn_e2e name)
	cmake_parse_arguments(ARG "" "TIMEOUT" "" ${ARGN})
	if(NOT ARG_TIMEOUT)
		set(ARG_TIMEOUT 600)
	endif()
	add_test(NAME e2e_${name} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}.sh
		WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	set_tests_properties(e2e_${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${ARG_TIMEOUT}
		LABELS e2e
		ENVIRONMENT "MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR};MNCHAR_BUILD_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# Reads a database for the scripts.
add_executable(rows e2e/rows.c)
target_link_libraries(rows PRIVATE mn_options mn_store)
set_target_properties(rows PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

mn_e2e(adaptive)
mn_e2e(bad_input)
mn_e2e(backbone)
mn_e2e(bench)
mn_e2e(accuracy)
mn_e2e(cli)
mn_e2e(cmsis_nn)
mn_e2e(collect)
mn_e2e(equal TIMEOUT 900)
mn_e2e(energy)
mn_e2e(extra TIMEOUT 900)
mn_e2e(faults TIMEOUT 900)
mn_e2e(flash)
mn_e2e(import)
mn_e2e(kill TIMEOUT 900)
mn_e2e(libmnchar)
if(MNCHAR_SANITIZE)
	set_property(TEST e2e_libmnchar APPEND PROPERTY ENVIRONMENT MNCHAR_SANITIZE_FLAGS=-fsanitize=address,undefined)
endif()
mn_e2e(quick TIMEOUT 1800)
mn_e2e(sigint)
