# SPDX-License-Identifier: MIT
foreach(check format shell spelling licence headers banned paths)
	add_test(NAME lint.${check} COMMAND ${CMAKE_SOURCE_DIR}/scripts/lint ${check})
	set_tests_properties(lint.${check} PROPERTIES SKIP_RETURN_CODE 77 LABELS lint)
endforeach()
