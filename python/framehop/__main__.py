from framehop.cli import main

main()
