# SPDX-License-Identifier: MIT
set(MN_BOARD_NAME nucleo-f767zi)
set(MN_SOC stm32f7)
set(MN_CPU_FLAGS -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard)
set(MN_FLASH_KB 2048)
# A line of the flash accelerator or of the L1 cache.
set(MN_ALIGN_FUNCTIONS 32)
