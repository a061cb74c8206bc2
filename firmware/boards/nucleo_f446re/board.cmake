# SPDX-License-Identifier: MIT
set(MN_BOARD_NAME nucleo-f446re)
set(MN_SOC stm32f4)
set(MN_CPU_FLAGS -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard)
set(MN_FLASH_KB 512)
# A line of the flash accelerator or of the L1 cache.
set(MN_ALIGN_FUNCTIONS 16)
