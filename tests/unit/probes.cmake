# SPDX-License-Identifier: MIT
mn_test(test_exec SOURCES unit/test_exec.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_kernels SOURCES unit/test_kernels.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_layer SOURCES unit/test_layer.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_program SOURCES unit/test_program.c LIBS mn_probes PkgConfig::CMOCKA)
mn_test(test_wire SOURCES unit/test_wire.c LIBS mn_probes PkgConfig::CMOCKA)
