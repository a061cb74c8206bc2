# SPDX-License-Identifier: MIT
#
# mn_fuzz(NAME [SOURCES files...] [TARGETS libraries...] [INCLUDES folders...] [LIBS names...] [ARGS options...])
#
# One libFuzzer target: fuzz_NAME.c of this folder and SOURCES, the files under test (relative to the
# top of the tree), and those of TARGETS, static libraries of ours (without what they link). They are compiled here by clang, from the sources, with AddressSanitizer and
# UndefinedBehaviorSanitizer, whatever compiler builds the rest, because gcc has no libFuzzer. The
# include path is the folders of SOURCES, probes/, probes/wire, probes/kernels, host/base and
# INCLUDES; LIBS are names for -l. ctest runs each for MNCHAR_FUZZ_SECONDS on its corpus,
# corpus/NAME; what it finds goes to build/<preset>/fuzz/NAME, the corpus is only read. Without
# clang the test is skipped and says so. `cmake --build build/<preset> --target fuzz_NAME` builds one.

set(MNCHAR_FUZZ_SECONDS 30 CACHE STRING "How long ctest runs each fuzzer")
find_program(MNCHAR_CLANG NAMES clang clang-14 clang-16 DOC "clang, for the fuzzers")

set(mn_fuzz_why "")
if(NOT MNCHAR_CLANG)
	set(mn_fuzz_why "clang is not installed, and only clang has libFuzzer")
else()
	# clang may be there without its runtime libraries (Debian: libclang-rt-14-dev).
	set(mn_fuzz_probe ${CMAKE_BINARY_DIR}/fuzz/probe.c)
	file(WRITE ${mn_fuzz_probe}
		"#include <stddef.h>\nint LLVMFuzzerTestOneInput(const unsigned char *d, size_t n);\n"
		"int LLVMFuzzerTestOneInput(const unsigned char *d, size_t n) { return d && !n; }\n")
	execute_process(
		COMMAND ${MNCHAR_CLANG} -fsanitize=fuzzer,address,undefined -o ${mn_fuzz_probe}.out ${mn_fuzz_probe}
		RESULT_VARIABLE mn_fuzz_failed OUTPUT_QUIET ERROR_QUIET)
	if(mn_fuzz_failed)
		set(mn_fuzz_why "${MNCHAR_CLANG} cannot link -fsanitize=fuzzer (Debian: libclang-rt-14-dev)")
	endif()
endif()
if(mn_fuzz_why)
	message(STATUS "The fuzzers will be skipped: ${mn_fuzz_why}")
endif()

function(mn_fuzz name)
	cmake_parse_arguments(ARG "" "" "SOURCES;TARGETS;INCLUDES;LIBS;ARGS" ${ARGN})
	if(mn_fuzz_why)
		add_test(NAME fuzz_${name} COMMAND sh -c "echo \"$1\"; exit 77" skip "skipped: ${mn_fuzz_why}")
		set_tests_properties(fuzz_${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS fuzz)
		return()
	endif()

	foreach(target ${ARG_TARGETS})
		get_target_property(sources ${target} SOURCES)
		get_target_property(folder ${target} SOURCE_DIR)
		file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${folder})
		list(TRANSFORM sources PREPEND ${folder}/)
		list(APPEND ARG_SOURCES ${sources})
		list(APPEND ARG_INCLUDES ${folder})
	endforeach()

	set(dir ${CMAKE_BINARY_DIR}/fuzz/${name})
	set(folders probes probes/wire probes/kernels host/base ${ARG_INCLUDES})
	foreach(source ${ARG_SOURCES})
		get_filename_component(folder ${source} DIRECTORY)
		list(APPEND folders ${folder})
	endforeach()
	list(REMOVE_DUPLICATES folders)
	list(TRANSFORM folders PREPEND -I${CMAKE_SOURCE_DIR}/)
	set(sanitize -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)

	set(objects "")
	foreach(source tests/fuzz/fuzz_${name}.c ${ARG_SOURCES})
		string(REPLACE "/" "_" object ${source})
		set(object ${dir}/${object}.o)
		add_custom_command(OUTPUT ${object}
			COMMAND ${CMAKE_COMMAND} -E make_directory ${dir}/found
			COMMAND ${MNCHAR_CLANG} -std=c11 -O1 -g -Wall -Wextra -Werror ${sanitize} -D_GNU_SOURCE
				-DMNCHAR_VERSION="${PROJECT_VERSION}" ${folders} -MD -MF ${object}.d -MT ${object}
				-c ${CMAKE_SOURCE_DIR}/${source} -o ${object}
			DEPENDS ${CMAKE_SOURCE_DIR}/${source}
			DEPFILE ${object}.d
			COMMENT "Fuzzer ${name}: ${source}" VERBATIM)
		list(APPEND objects ${object})
	endforeach()

	list(TRANSFORM ARG_LIBS PREPEND -l)
	set(program ${dir}/fuzz_${name})
	add_custom_command(OUTPUT ${program}
		COMMAND ${MNCHAR_CLANG} ${sanitize} ${objects} ${ARG_LIBS} -o ${program}
		DEPENDS ${objects} COMMENT "Fuzzer ${name}" VERBATIM)
	add_custom_target(fuzz_${name} ALL DEPENDS ${program})

	math(EXPR timeout "${MNCHAR_FUZZ_SECONDS} * 4 + 60")
	add_test(NAME fuzz_${name}
		COMMAND ${program} -max_total_time=${MNCHAR_FUZZ_SECONDS} -timeout=20 -print_final_stats=1
			-artifact_prefix=${dir}/ ${ARG_ARGS} ${dir}/found
			${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}
		WORKING_DIRECTORY ${dir})
	set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT ${timeout} LABELS fuzz)
endfunction()

# The targets, one call each, in the order of the alphabet.
mn_fuzz(backbone TARGETS mn_probes mn_model mn_sweep mn_backbone LIBS cyaml yaml m ARGS -max_len=4096)
mn_fuzz(cost TARGETS mn_probes mn_cost SOURCES host/export/blocks.c LIBS jansson m)
mn_fuzz(csv TARGETS mn_probes mn_store LIBS sqlite3)
set_property(TEST fuzz_csv APPEND PROPERTY ENVIRONMENT MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR})
mn_fuzz(elf SOURCES host/vboard/elf_read.c host/vboard/board.c probes/err.c LIBS cyaml yaml)
set_property(TEST fuzz_elf APPEND PROPERTY ENVIRONMENT MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR})
mn_fuzz(frame TARGETS mn_probes)
mn_fuzz(js220 SOURCES host/meter/js220/protocol.c probes/err.c INCLUDES host/meter LIBS m jansson)
mn_fuzz(layer_text TARGETS mn_probes ARGS -max_len=512)
mn_fuzz(lpm01a SOURCES host/meter/lpm01a/protocol.c probes/err.c INCLUDES host/meter LIBS m)
mn_fuzz(ppk2 SOURCES host/meter/ppk2/protocol.c probes/err.c INCLUDES host/meter LIBS m)
mn_fuzz(recording SOURCES host/meter/recording/recording.c probes/err.c INCLUDES host/meter LIBS m)
mn_fuzz(session TARGETS mn_probes INCLUDES firmware tests/unit/fake_board
	SOURCES firmware/session.c firmware/measure.c tests/unit/fake_board/fake_board.c)
mn_fuzz(sweep TARGETS mn_probes mn_sweep LIBS cyaml yaml ARGS -max_len=4096)
mn_fuzz(tflite TARGETS mn_probes mn_model LIBS m)
mn_fuzz(tflm_profile TARGETS mn_probes mn_model mn_store INCLUDES tests/unit LIBS m sqlite3 ARGS -max_len=4096)
set_property(TEST fuzz_tflm_profile APPEND PROPERTY ENVIRONMENT MNCHAR_SOURCE_DIR=${CMAKE_SOURCE_DIR})
