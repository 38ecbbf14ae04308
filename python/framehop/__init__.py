"""framehop"""
