# SPDX-License-Identifier: MIT
mn_test(test_exec SOURCES unit/test_exec.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_kernels SOURCES unit/test_kernels.c LIBS mn_probes m PkgConfig::CMOCKA)
mn_test(test_layer SOURCES unit/test_layer.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_loops SOURCES unit/test_loops.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_program SOURCES unit/test_program.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_wire SOURCES unit/test_wire.c LIBS mn_probes PkgConfig::CMOCKA)

# The adapter to CMSIS-NN, with a library of the same public functions that is written for this test. The table
# of sets is compiled once more, with that set in it.
include(MncharCmsisNn)
mn_cmsis_nn_version(${CMAKE_CURRENT_SOURCE_DIR}/unit/cmsis_nn mn_standin_version mn_standin_major)
foreach(mn_name IN ITEMS cmsis_nn golden)
	if(mn_name STREQUAL golden)
		set(mn_target test_cmsis_nn_golden)
	else()
		set(mn_target test_cmsis_nn)
	endif()
	mn_test(${mn_target}
		SOURCES unit/test_${mn_name}.c unit/cmsis_nn/standin.c
			${CMAKE_SOURCE_DIR}/probes/kernels/cmsis_nn.c ${CMAKE_SOURCE_DIR}/probes/kernels/table.c
		LIBS mn_model PkgConfig::CMOCKA)
	target_include_directories(${mn_target} PRIVATE unit/cmsis_nn/include)
	target_compile_definitions(${mn_target} PRIVATE
		MN_CMSIS_NN_VERSION="${mn_standin_version}" MN_CMSIS_NN_MAJOR=${mn_standin_major})
endforeach()
