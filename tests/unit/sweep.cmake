# SPDX-License-Identifier: MIT
mn_test(test_expr SOURCES unit/test_expr.c LIBS mn_sweep PkgConfig::CMOCKA)
mn_test(test_sweep SOURCES unit/test_sweep.c LIBS mn_sweep PkgConfig::CMOCKA)
