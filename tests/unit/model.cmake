# SPDX-License-Identifier: MIT
mn_test(test_golden SOURCES unit/test_golden.c LIBS mn_model PkgConfig::CMOCKA)
