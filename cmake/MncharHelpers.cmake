# SPDX-License-Identifier: MIT

# Warnings, sanitizers and hardening that every target of ours gets; third-party headers are exempt.
add_library(mn_options INTERFACE)
target_compile_options(mn_options INTERFACE
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
	-Wwrite-strings -Wformat=2 -fno-common)
target_compile_definitions(mn_options INTERFACE _GNU_SOURCE MNCHAR_VERSION="${PROJECT_VERSION}")
if(MNCHAR_WERROR)
	target_compile_options(mn_options INTERFACE -Werror)
endif()
if(MNCHAR_SANITIZE)
	target_compile_options(mn_options INTERFACE
		-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
	target_link_options(mn_options INTERFACE -fsanitize=address,undefined)
endif()

# mn_library(NAME SOURCES ... PUBLIC targets... PRIVATE targets...)
# A static library whose include path is its own folder.
function(mn_library name)
	cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
	add_library(${name} STATIC ${ARG_SOURCES})
	target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
	target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE mn_options ${ARG_PRIVATE})
endfunction()

# mn_test(NAME SOURCES ... LIBS ... [LABELS ...] [ARGS ...] [TIMEOUT s])
# The only way to make a test program: builds and registers it. Exit 77 means skipped, with the reason printed.
function(mn_test name)
	cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS;ARGS;ENVIRONMENT" ${ARGN})
	if(NOT ARG_TIMEOUT)
		set(ARG_TIMEOUT 300)
	endif()
	add_executable(${name} ${ARG_SOURCES})
	target_link_libraries(${name} PRIVATE mn_options ${ARG_LIBS})
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${ARG_TIMEOUT}
		LABELS "${ARG_LABELS}"
		ENVIRONMENT "MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR};MNCHAR_BUILD_DIR=${CMAKE_BINARY_DIR};${ARG_ENVIRONMENT}")
endfunction()
