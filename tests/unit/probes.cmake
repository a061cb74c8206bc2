# SPDX-License-Identifier: MIT
mn_test(test_kernels SOURCES unit/test_kernels.c LIBS mn_probes PkgConfig::CMOCKA)
