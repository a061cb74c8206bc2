# SPDX-License-Identifier: MIT
mn_test(test_graph SOURCES unit/test_graph.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_model SOURCES unit/test_model.c LIBS mn_model m PkgConfig::CMOCKA)
mn_test(test_golden SOURCES unit/test_golden.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_census SOURCES unit/test_census.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_tflm_profile SOURCES unit/test_tflm_profile.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_backbone SOURCES unit/test_backbone.c LIBS mn_backbone PkgConfig::CMOCKA)
