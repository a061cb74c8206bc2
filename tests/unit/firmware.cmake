# SPDX-License-Identifier: MIT

# The SoC-free half of the image, on a board that is a few counters.
mn_test(test_firmware_session
	SOURCES unit/test_firmware_session.c unit/fake_board/fake_board.c
		${CMAKE_SOURCE_DIR}/firmware/session.c ${CMAKE_SOURCE_DIR}/firmware/measure.c
	LIBS mn_probes PkgConfig::CMOCKA)
target_include_directories(test_firmware_session PRIVATE
	unit/fake_board ${CMAKE_SOURCE_DIR}/firmware ${CMAKE_SOURCE_DIR}/firmware/soc/stm32)
