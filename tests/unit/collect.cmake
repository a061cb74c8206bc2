# SPDX-License-Identifier: MIT
mn_test(test_client SOURCES unit/test_client.c unit/fake_peer.c LIBS mn_collect PkgConfig::CMOCKA
	LABELS unit)

# What exec: links start in test_campaign.
add_executable(fake_board_main unit/fake_board_main.c unit/fake_peer.c)
target_link_libraries(fake_board_main PRIVATE mn_options mn_probes)
set_target_properties(fake_board_main PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
mn_test(test_campaign SOURCES unit/test_campaign.c LIBS mn_collect PkgConfig::CMOCKA LABELS unit)
add_dependencies(test_campaign fake_board_main)
