# SPDX-License-Identifier: MIT
mn_test(test_regress SOURCES unit/test_regress.c LIBS mn_fits PkgConfig::GSL PkgConfig::CMOCKA m)
